"""What people see: figures of workflows and the pages made of them."""
