"""Set-up and checks of this checkout. No part of the portal."""
