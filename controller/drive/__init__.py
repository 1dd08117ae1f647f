"""Driving itself: the loop, the supervisor that decides, and what they judge a frame by.

Imports `cameras`, `model` and `recording`, and no service, button or page: those are sinks that
`controller.car` hands to the loop. One more reason to stop: `supervisor`; one more judgement of a
picture: `image_quality`.
"""
