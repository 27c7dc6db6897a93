"""Process management: may a part be built in here, and does the machine hold what the product wants?"""
