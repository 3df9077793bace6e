output "address" {
  description = "host of the server"
  value       = pavetest_database.this.host
}

output "port" {
  value = pavetest_database.this.port
}

output "database" {
  value = pavetest_database.this.name
}

output "username" {
  value = pavetest_role.this.name
}

output "password" {
  value     = pavetest_role.this.password
  sensitive = true
}

output "tags" {
  value = var.tags
}
