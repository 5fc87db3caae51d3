"""hops-util-py (`hops`), which old Hopsworks clusters ship: the brokers, certificates and schemas of their Kafka."""
