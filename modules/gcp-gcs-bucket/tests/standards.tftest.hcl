mock_provider "google" {}

variables {
  name        = "shop-api_production"
  pave_id     = "res_01JD4T9XK2M7"
  service     = "shop-api"
  team        = "web"
  environment = "production"
  location    = "europe-west3"
  kms_key     = "projects/p/locations/europe-west3/keyRings/r/cryptoKeys/k"
}

run "standards" {
  assert {
    condition     = google_storage_bucket.this.versioning[0].enabled && google_storage_bucket.this.encryption[0].default_kms_key_name == var.kms_key
    error_message = "versions and a key"
  }
  assert {
    condition     = google_storage_bucket.this.public_access_prevention == "enforced" && google_storage_bucket.this.uniform_bucket_level_access && !google_storage_bucket.this.force_destroy
    error_message = "closed to the public; what holds something is not destroyed"
  }
  assert {
    condition     = length(google_service_account.this[0].account_id) <= 30 && google_storage_bucket_iam_member.this[0].role == "roles/storage.objectAdmin"
    error_message = "a key for this bucket alone"
  }
}

run "without_a_key" {
  command = plan
  variables {
    kms_key = ""
  }
  expect_failures = [var.kms_key]
}

run "another_one_may_be_deleted" {
  variables {
    deletable = ["shop"]
  }
  assert {
    condition     = !google_storage_bucket.this.force_destroy && output.protected == "the input deletable does not name shop-api"
    error_message = "protected unless it is named"
  }
}

run "it_may_be_deleted" {
  variables {
    deletable = ["shop", "shop-api"]
  }
  assert {
    condition     = google_storage_bucket.this.force_destroy && output.protected == ""
    error_message = "an admin named it"
  }
}
