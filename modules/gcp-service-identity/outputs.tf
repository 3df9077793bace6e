output "email" {
  description = "what the service account of the cluster is annotated with"
  value       = google_service_account.this.email
}

output "annotations" {
  description = "of the service account in Kubernetes"
  value       = { "iam.gke.io/gcp-service-account" = google_service_account.this.email }
}
