"""Who has written to a target: the register of its writers, who else stands in it, and what is to be kept from them."""
