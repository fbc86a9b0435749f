"""placeholder"""
def harden(connection): pass
