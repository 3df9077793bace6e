output "url" {
  description = "with the password in it"
  value = format("%s://%s:%s@%s:%d/%s%s", local.scheme, aws_db_instance.this.username, random_password.this.result,
  aws_db_instance.this.address, local.port, local.database, local.query)
  sensitive = true
}

output "host" {
  description = "name of the server"
  value       = aws_db_instance.this.address
}

output "port" {
  description = "of the server"
  value       = local.port
}

output "database" {
  description = "its name on the server"
  value       = local.database
}

output "username" {
  description = "who owns the database"
  value       = aws_db_instance.this.username
}

output "password" {
  description = "generated"
  value       = random_password.this.result
  sensitive   = true
}

output "arn" {
  description = "its name at AWS"
  value       = aws_db_instance.this.arn
}

output "protected" {
  description = "why it is not deleted; empty where it may be"
  value       = local.deletable ? "" : "the input deletable does not name ${var.service}"
}
