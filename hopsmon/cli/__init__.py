"""The command line, `hopsmon ...`: arguments in, SDK and wiring called, results shown. No logic of its own."""
