output "url" {
  description = "with the password in it; rediss speaks TLS"
  value       = format("rediss://:%s@%s:%d", random_password.this.result, aws_elasticache_replication_group.this.primary_endpoint_address, local.port)
  sensitive   = true
}

output "host" {
  description = "name of the server that is written to"
  value       = aws_elasticache_replication_group.this.primary_endpoint_address
}

output "port" {
  description = "of the server"
  value       = local.port
}

output "password" {
  description = "generated"
  value       = random_password.this.result
  sensitive   = true
}

output "arn" {
  description = "its name at AWS"
  value       = aws_elasticache_replication_group.this.arn
}
