"""The pages behind a label's code, in two languages, without JavaScript."""
