"""Tools and gauges: physical assets with a life, a place, a calibration."""
