"""Mail over SMTP: what is told about one incident makes one thread."""
