/* Wiring of the reference car: Arduino Uno or Nano (ATmega328P, 16 MHz) and a motor driver with
 * one PWM pin and two direction pins per motor (L298N, TB6612 and their kin).
 *
 *     Arduino  port  goes to
 *       D9     PB1   left motor, PWM    (ENA, PWMA)    with 10 kohm to ground, see below
 *       D4     PD4   left motor, ahead  (IN1, AIN1)
 *       D5     PD5   left motor, back   (IN2, AIN2)
 *       D10    PB2   right motor, PWM   (ENB, PWMB)    with 10 kohm to ground, see below
 *       D7     PD7   right motor, ahead (IN3, BIN1)
 *       D8     PB0   right motor, back  (IN4, BIN2)
 *       D6     PD6   e-stop, normally closed to ground: a cut wire or a lost plug stops the car
 *       D13    PB5   heartbeat LED (on the board)
 *       A0     PC0   battery divider, if PL_BATTERY_DIVIDER is set
 *       D0,D1        serial line, through the board's own USB
 *
 * While the MCU is in reset or in its boot loader its pins float: the two resistors keep the
 * driver off then. (A TB6612 has them inside.) A car without an e-stop needs a wire from D6 to
 * ground, or PL_ESTOP_FITTED=0.
 */
#ifndef PL_BOARD_H
#define PL_BOARD_H

#include <avr/io.h>

#ifndef PL_ESTOP_FITTED
#define PL_ESTOP_FITTED 1
#endif
/* Battery volts per volt at A0, times 100; 0: no divider. 20 kohm over 10 kohm is 300. */
#ifndef PL_BATTERY_DIVIDER
#define PL_BATTERY_DIVIDER 0
#endif
/* A motor that turns the wrong way is set right here instead of with a soldering iron. */
#ifndef PL_LEFT_REVERSED
#define PL_LEFT_REVERSED 0
#endif
#ifndef PL_RIGHT_REVERSED
#define PL_RIGHT_REVERSED 0
#endif

#define LEFT_PWM PB1
#define RIGHT_PWM PB2
#define LEFT_AHEAD PD4
#define LEFT_BACK PD5
#define RIGHT_AHEAD PD7
#define RIGHT_BACK PB0
#define ESTOP PD6
#define LED PB5

#endif
