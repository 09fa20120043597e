"""What the client API reads. Every query takes the client it speaks for: no row of another client can leave."""
