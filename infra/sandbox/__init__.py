"""What stands for the outside world in a test deployment: providers of prices and a payment
gateway, which misbehave on demand."""
