output "role_arn" {
  description = "what the service account is annotated with"
  value       = aws_iam_role.this.arn
}

output "role_name" {
  description = "its name"
  value       = aws_iam_role.this.name
}

output "annotations" {
  description = "of the service account in Kubernetes"
  value       = { "eks.amazonaws.com/role-arn" = aws_iam_role.this.arn }
}
