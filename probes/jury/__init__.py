"""Other models as judges: what they are asked, how their verdict is read, and how they are kept honest."""
