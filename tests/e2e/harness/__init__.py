"""What the end-to-end tests are made of: the real binary, the real daemon, real projects, and clocks."""
