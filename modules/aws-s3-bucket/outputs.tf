output "endpoint" {
  description = "where the S3 API is"
  value       = "https://s3.${aws_s3_bucket.this.region}.amazonaws.com"
}

output "bucket" {
  description = "its name"
  value       = aws_s3_bucket.this.bucket
}

output "region" {
  description = "where it is"
  value       = aws_s3_bucket.this.region
}

output "access_key_id" {
  description = "of the key that may use it"
  value       = var.access_key ? aws_iam_access_key.this[0].id : ""
}

output "secret_access_key" {
  description = "of the key that may use it"
  value       = var.access_key ? aws_iam_access_key.this[0].secret : ""
  sensitive   = true
}

output "arn" {
  description = "its name at AWS"
  value       = aws_s3_bucket.this.arn
}

output "kms_key_arn" {
  description = "key that encrypts it"
  value       = local.key
}

output "protected" {
  description = "why it is not deleted; empty where it may be"
  value       = local.deletable ? "" : "the input deletable does not name ${var.service}"
}
