"""Metal in, postings out: quantities, events, balances, rules. Pure; knows no trees."""
