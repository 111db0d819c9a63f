"""`python -m simscale_gym`: the console script."""

from simscale_gym.cli import main

main()
