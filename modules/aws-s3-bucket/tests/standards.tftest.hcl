mock_provider "aws" {
  mock_resource "aws_s3_bucket" {
    defaults = {
      arn    = "arn:aws:s3:::shop"
      region = "eu-central-1"
    }
  }
  mock_resource "aws_kms_key" {
    defaults = {
      arn = "arn:aws:kms:eu-central-1:111122223333:key/1"
    }
  }
}

variables {
  name        = "shop-api_production"
  pave_id     = "res_01JD4T9XK2M7"
  service     = "shop-api"
  team        = "web"
  environment = "production"
}

run "standards" {
  assert {
    condition     = aws_s3_bucket_versioning.this.versioning_configuration[0].status == "Enabled"
    error_message = "versioning"
  }
  assert {
    condition = alltrue([
      for r in aws_s3_bucket_server_side_encryption_configuration.this.rule : r.apply_server_side_encryption_by_default[0].sse_algorithm == "aws:kms"
      && r.apply_server_side_encryption_by_default[0].kms_master_key_id == "arn:aws:kms:eu-central-1:111122223333:key/1"
    ])
    error_message = "encrypted by KMS"
  }
  assert {
    condition = alltrue([
      aws_s3_bucket_public_access_block.this.block_public_acls, aws_s3_bucket_public_access_block.this.block_public_policy,
      aws_s3_bucket_public_access_block.this.ignore_public_acls, aws_s3_bucket_public_access_block.this.restrict_public_buckets
    ])
    error_message = "closed to the public"
  }
  assert {
    condition     = aws_kms_key.this[0].enable_key_rotation && !aws_s3_bucket.this.force_destroy
    error_message = "a key that rotates; what holds something is not destroyed"
  }
  assert {
    condition     = can(regex("^shop-api-production-[0-9a-f]{8}$", aws_s3_bucket.this.bucket))
    error_message = "a name of its own"
  }
  assert {
    condition     = output.endpoint == "https://s3.eu-central-1.amazonaws.com" && length(aws_iam_access_key.this) == 1
    error_message = "what programs need"
  }
  assert {
    condition     = strcontains(aws_iam_user_policy.this[0].policy, "arn:aws:s3:::shop/*") && !strcontains(aws_iam_user_policy.this[0].policy, "s3:*")
    error_message = "the key may use this bucket alone"
  }
}

run "a_role_and_a_key_that_are_there" {
  variables {
    access_key  = false
    kms_key_arn = "arn:aws:kms:eu-central-1:111122223333:key/2"
  }
  assert {
    condition     = length(aws_iam_user.this) == 0 && length(aws_iam_access_key.this) == 0 && length(aws_kms_key.this) == 0
    error_message = "neither is made"
  }
}

run "another_one_may_be_deleted" {
  variables {
    deletable = ["shop"]
  }
  assert {
    condition     = !aws_s3_bucket.this.force_destroy && output.protected == "the input deletable does not name shop-api"
    error_message = "protected unless it is named"
  }
}

run "it_may_be_deleted" {
  variables {
    deletable = ["shop", "shop-api"]
  }
  assert {
    condition     = aws_s3_bucket.this.force_destroy && output.protected == ""
    error_message = "an admin named it"
  }
}
