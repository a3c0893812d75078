/* Nothing to declare: see anchor.c. */
