"""Maintenance orders, preventive plans and spare parts: ISA-95 operations of type Maintenance."""
