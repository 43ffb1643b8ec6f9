"""Who sees which variant: computed, never stored. Pure; imports rules and domain only."""
