"""JSON Web Encryption in the forms that ocicrypt reads and writes, and no others."""
