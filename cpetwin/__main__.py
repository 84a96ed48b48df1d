"""``python -m cpetwin`` is the command ``cpetwin``."""

from .cli import main

if __name__ == "__main__":
    main()
