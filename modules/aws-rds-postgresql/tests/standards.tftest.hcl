mock_provider "aws" {
  mock_resource "aws_db_instance" {
    defaults = {
      address = "shop.abc.eu-central-1.rds.amazonaws.com"
    }
  }
}

mock_provider "random" {}

variables {
  name        = "shop-api_production"
  pave_id     = "res_01JD4T9XK2M7"
  service     = "shop-api"
  team        = "web"
  environment = "production"
  vpc_id      = "vpc-0a1b"
  subnet_ids  = ["subnet-0a", "subnet-0b"]
  tags        = { service = "shop-api" }
}

run "standards" {
  assert {
    condition     = aws_db_instance.this.engine == "postgres"
    error_message = "AWS calls it postgres, not postgresql"
  }
  assert {
    condition     = aws_db_instance.this.storage_encrypted && aws_db_instance.this.multi_az && !aws_db_instance.this.publicly_accessible
    error_message = "encrypted, in two zones, not public"
  }
  assert {
    condition     = aws_db_instance.this.backup_retention_period == 7 && aws_db_instance.this.deletion_protection && !aws_db_instance.this.skip_final_snapshot
    error_message = "backups of 7 days, protection, a final snapshot"
  }
  assert {
    condition     = aws_db_instance.this.storage_type == "gp3" && aws_db_instance.this.instance_class == "db.t3.medium"
    error_message = "gp3, and small is db.t3.medium"
  }
  assert {
    condition     = aws_db_instance.this.identifier == "shop-api-production" && aws_db_instance.this.db_name == "shop_api_production"
    error_message = "names as AWS has them"
  }
  assert {
    condition = length(aws_vpc_security_group_ingress_rule.this) == 1 && alltrue([
      for r in aws_vpc_security_group_ingress_rule.this : r.cidr_ipv4 == "10.0.0.0/8" && r.from_port == 5432 && r.to_port == 5432 && r.ip_protocol == "tcp"
    ])
    error_message = "port 5432 from 10/8 alone"
  }
  assert {
    condition     = length(aws_db_instance.this.password) > 0 && aws_db_instance.this.username == "app" && random_password.this.length == 32
    error_message = "a generated password"
  }
  assert {
    condition = (aws_db_parameter_group.this.family == "postgres16" && aws_db_instance.this.parameter_group_name == aws_db_parameter_group.this.name
    && one(aws_db_parameter_group.this.parameter).name == "rds.force_ssl" && endswith(output.url, "?sslmode=require"))
    error_message = "encrypted connections alone, and an address that says so"
  }
  assert {
    condition     = startswith(output.url, "postgres://app:") && strcontains(output.url, "@shop.abc.eu-central-1.rds.amazonaws.com:5432/shop_api_production")
    error_message = "an address"
  }
  assert {
    condition     = aws_db_instance.this.tags["pave_id"] == "res_01JD4T9XK2M7" && aws_db_instance.this.tags["service"] == "shop-api"
    error_message = "tags"
  }
}

run "medium" {
  variables {
    size          = "medium"
    allowed_cidrs = ["10.20.0.0/16", "10.30.0.0/24"]
  }
  assert {
    condition     = aws_db_instance.this.instance_class == "db.r6g.large" && length(aws_vpc_security_group_ingress_rule.this) == 2
    error_message = "medium is db.r6g.large"
  }
}

run "large" {
  variables {
    size = "large"
  }
  assert {
    condition     = aws_db_instance.this.instance_class == "db.r6g.xlarge"
    error_message = "large is db.r6g.xlarge"
  }
}

run "another_engine" {
  command = plan
  variables {
    engine = "mongodb"
  }
  expect_failures = [var.engine]
}

run "a_size_that_is_none" {
  command = plan
  variables {
    size = "db.x1e.32xlarge"
  }
  expect_failures = [var.size]
}

run "open_to_the_world" {
  command = plan
  variables {
    allowed_cidrs = ["0.0.0.0/0"]
  }
  expect_failures = [var.allowed_cidrs]
}

run "wider_than_private" {
  command = plan
  variables {
    allowed_cidrs = ["10.0.0.0/7"]
  }
  expect_failures = [var.allowed_cidrs]
}

run "no_backups" {
  command = plan
  variables {
    backup_days = 0
  }
  expect_failures = [var.backup_days]
}

run "one_zone" {
  command = plan
  variables {
    subnet_ids = ["subnet-0a"]
  }
  expect_failures = [var.subnet_ids]
}

run "another_one_may_be_deleted" {
  variables {
    deletable = ["shop"]
  }
  assert {
    condition     = aws_db_instance.this.deletion_protection && output.protected == "the input deletable does not name shop-api"
    error_message = "protected unless it is named"
  }
}

run "it_may_be_deleted" {
  variables {
    deletable = ["shop", "shop-api"]
  }
  assert {
    condition     = !aws_db_instance.this.deletion_protection && !aws_db_instance.this.skip_final_snapshot && output.protected == ""
    error_message = "an admin named it"
  }
}
