output "endpoint" {
  description = "where the S3 API is"
  value       = "https://storage.googleapis.com"
}

output "bucket" {
  description = "its name"
  value       = google_storage_bucket.this.name
}

output "region" {
  description = "where it is"
  value       = lower(google_storage_bucket.this.location)
}

output "access_key_id" {
  description = "of the key that may use it"
  value       = var.access_key ? google_storage_hmac_key.this[0].access_id : ""
}

output "secret_access_key" {
  description = "of the key that may use it"
  value       = var.access_key ? google_storage_hmac_key.this[0].secret : ""
  sensitive   = true
}

output "protected" {
  description = "why it is not deleted; empty where it may be"
  value       = local.deletable ? "" : "the input deletable does not name ${var.service}"
}
