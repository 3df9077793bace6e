output "url" {
  description = "with the password in it"
  value = format("%s://%s:%s@%s:%d/%s%s", local.scheme, google_sql_user.this.name, random_password.this.result,
  google_sql_database_instance.this.private_ip_address, local.port, google_sql_database.this.name, local.query)
  sensitive = true
}

output "host" {
  description = "private address of the server"
  value       = google_sql_database_instance.this.private_ip_address
}

output "port" {
  description = "of the server"
  value       = local.port
}

output "database" {
  description = "its name on the server"
  value       = google_sql_database.this.name
}

output "username" {
  description = "who uses the database"
  value       = google_sql_user.this.name
}

output "password" {
  description = "generated"
  value       = random_password.this.result
  sensitive   = true
}

output "connection_name" {
  description = "what the Cloud SQL proxy calls it"
  value       = google_sql_database_instance.this.connection_name
}

output "server_ca" {
  description = "certificates that the server's is checked with, in PEM"
  value       = join("\n", google_sql_database_instance.this.server_ca_cert[*].cert)
}

output "protected" {
  description = "why it is not deleted; empty where it may be"
  value       = local.deletable ? "" : "the input deletable does not name ${var.service}"
}
