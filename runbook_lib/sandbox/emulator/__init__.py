"""The sandbox's answers where moto's differ from AWS's."""
