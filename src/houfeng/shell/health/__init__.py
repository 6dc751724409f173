"""How what runs for long is: counted, told, watched and begun again."""
