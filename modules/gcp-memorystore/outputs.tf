output "url" {
  description = "with the password in it; rediss speaks TLS"
  value       = format("rediss://:%s@%s:%d", google_redis_instance.this.auth_string, google_redis_instance.this.host, google_redis_instance.this.port)
  sensitive   = true
}

output "host" {
  description = "private address of the server"
  value       = google_redis_instance.this.host
}

output "port" {
  description = "of the server"
  value       = google_redis_instance.this.port
}

output "password" {
  description = "made by Google"
  value       = google_redis_instance.this.auth_string
  sensitive   = true
}

output "server_ca" {
  description = "certificates that the server's is checked with, in PEM"
  value       = join("\n", google_redis_instance.this.server_ca_certs[*].cert)
}
