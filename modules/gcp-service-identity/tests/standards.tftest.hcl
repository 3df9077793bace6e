mock_provider "google" {
  mock_resource "google_service_account" {
    defaults = {
      email = "shop@project-1.iam.gserviceaccount.com"
    }
  }
}

variables {
  name            = "shop_production"
  pave_id         = "res_01JD4T9XK2M7"
  service         = "shop"
  team            = "web"
  environment     = "production"
  cluster_project = "project-1"
}

run "one_service_account" {
  variables {
    roles = ["roles/pubsub.publisher"]
  }
  assert {
    condition     = google_service_account_iam_member.this.member == "serviceAccount:project-1.svc.id.goog[production/shop]"
    error_message = "one service account and nobody else"
  }
  assert {
    condition     = length(google_project_iam_member.this) == 1 && length(google_service_account.this.account_id) <= 30
    error_message = "what it may do"
  }
}

run "owner" {
  command = plan
  variables {
    roles = ["roles/owner"]
  }
  expect_failures = [var.roles]
}

run "rights_over_rights" {
  command = plan
  variables {
    roles = ["roles/iam.serviceAccountTokenCreator"]
  }
  expect_failures = [var.roles]
}
