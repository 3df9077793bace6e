locals {
  # Names of buckets are of all the world: the end tells ours from those of others.
  bucket = "${trimsuffix(substr(replace(var.name, "_", "-"), 0, 54), "-")}-${substr(sha256(var.pave_id), 0, 8)}"
  key    = var.kms_key_arn != null ? var.kms_key_arn : aws_kms_key.this[0].arn
  tags   = merge(var.tags, { managed-by = "pave", pave_id = var.pave_id, team = var.team, environment = var.environment })

  # Nothing is deleted before an admin has named the service.
  deletable = contains(var.deletable, var.service)
}

resource "aws_kms_key" "this" {
  count = var.kms_key_arn == null ? 1 : 0

  description             = "encrypts the bucket ${local.bucket}"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  tags                    = local.tags
}

# A bucket with something in it is not destroyed, unless an admin named the service. Its
# key goes after it: what is in a bucket that stays can be read.
resource "aws_s3_bucket" "this" {
  bucket        = local.bucket
  force_destroy = local.deletable
  tags          = local.tags

  depends_on = [aws_kms_key.this]
}

resource "aws_s3_bucket_versioning" "this" {
  bucket = aws_s3_bucket.this.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    bucket_key_enabled = true

    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = local.key
    }
  }
}

resource "aws_s3_bucket_public_access_block" "this" {
  bucket                  = aws_s3_bucket.this.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
  skip_destroy            = true # it goes with the bucket, never before it
}

resource "aws_s3_bucket_ownership_controls" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

# Nobody reaches it without TLS.
resource "aws_s3_bucket_policy" "this" {
  bucket = aws_s3_bucket.this.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "OnlyTLS"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = [aws_s3_bucket.this.arn, "${aws_s3_bucket.this.arn}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })

  depends_on = [aws_s3_bucket_public_access_block.this]
}

# A key for programs that have no role of their own.
resource "aws_iam_user" "this" {
  count = var.access_key ? 1 : 0

  name = local.bucket
  path = "/pave/"
  tags = local.tags
}

resource "aws_iam_user_policy" "this" {
  count = var.access_key ? 1 : 0

  name = "bucket"
  user = aws_iam_user.this[0].name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Effect = "Allow", Action = ["s3:ListBucket", "s3:GetBucketLocation", "s3:ListBucketMultipartUploads"], Resource = [aws_s3_bucket.this.arn] },
      { Effect = "Allow", Action = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"], Resource = ["${aws_s3_bucket.this.arn}/*"] },
      { Effect = "Allow", Action = ["kms:Decrypt", "kms:GenerateDataKey"], Resource = [local.key] },
    ]
  })
}

resource "aws_iam_access_key" "this" {
  count = var.access_key ? 1 : 0

  user = aws_iam_user.this[0].name
}
