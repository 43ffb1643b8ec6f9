"""Who the customer is: RFM, ABC-XYZ, lifecycle, lifetime value. Pure; imports rules and domain only."""
