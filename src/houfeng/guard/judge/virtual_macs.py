"""MAC addresses that routers hand to each other when one takes over: they change hands without harm."""


def is_virtual(mac: int) -> bool:
    """Whether a MAC address, 48 bits as an integer, is shared by a group of routers.

    VRRP and CARP (RFC 9568, 7.3), HSRP 1, 2 and its IPv6 form, GLBP.
    """
    return (
        mac >> 8 in (0x00005E0001, 0x00005E0002, 0x00000C07AC)
        or mac >> 12 in (0x00000C9FF, 0x000573A00)
        or mac >> 16 == 0x0007B400
    )
