"""From a trained Keras network to the small file that the car can trust."""
