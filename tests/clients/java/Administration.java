import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.LogDirDescription;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.ProducerState;
import org.apache.kafka.clients.admin.TransactionDescription;
import org.apache.kafka.clients.admin.TransactionState;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.TopicPartitionReplica;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.InvalidConfigurationException;
import org.apache.kafka.common.errors.InvalidPartitionsException;
import org.apache.kafka.common.errors.InvalidProducerEpochException;
import org.apache.kafka.common.errors.ProducerFencedException;

/** The steps of an operator: settings, partitions, directories, producers and transactions. */
final class Administration {
    private final Clients clients;

    Administration(Clients clients) {
        this.clients = clients;
    }

    void addTo(Map<String, Clients.Work> steps) {
        steps.put("settings_are_described_and_changed", this::settingsAreDescribedAndChanged);
        steps.put("settings_that_cannot_be_honoured_are_refused", this::settingsThatCannotBeHonouredAreRefused);
        steps.put("partitions_are_added", this::partitionsAreAdded);
        steps.put("directories_are_described", this::directoriesAreDescribed);
        steps.put("producers_and_transactions_are_described", this::producersAndTransactionsAreDescribed);
        steps.put("a_transaction_is_aborted_by_an_operator", this::aTransactionIsAbortedByAnOperator);
        steps.put("producers_are_fenced_by_an_operator", this::producersAreFencedByAnOperator);
    }

    private static ConfigResource resourceOf(String topic) {
        return new ConfigResource(ConfigResource.Type.TOPIC, topic);
    }

    private ConfigEntry setting(String topic, String name) throws Exception {
        ConfigResource resource = resourceOf(topic);
        Config config = clients.admin.describeConfigs(List.of(resource)).all().get().get(resource);
        return config.get(name);
    }

    private void change(String topic, String name, String value, AlterConfigOp.OpType type) throws Exception {
        clients.admin.incrementalAlterConfigs(
            Map.of(resourceOf(topic), List.of(new AlterConfigOp(new ConfigEntry(name, value), type)))).all().get();
    }

    private void settingsAreDescribedAndChanged() throws Exception {
        String topic = clients.newTopic("settings", 1, Map.of("retention.ms", "86400000"));
        Clients.checkEqual("86400000", setting(topic, "retention.ms").value());
        Clients.checkEqual(ConfigEntry.ConfigSource.DYNAMIC_TOPIC_CONFIG, setting(topic, "retention.ms").source());
        Clients.check(setting(topic, "retention.bytes").isDefault(), "nobody has set retention.bytes");
        change(topic, "retention.ms", "3600000", AlterConfigOp.OpType.SET);
        Clients.checkEqual("3600000", setting(topic, "retention.ms").value());
        change(topic, "retention.ms", null, AlterConfigOp.OpType.DELETE);
        Clients.check(setting(topic, "retention.ms").isDefault(), "retention.ms was taken back");
        String broker = clients.admin.describeCluster().controller().get().idString();
        ConfigResource resource = new ConfigResource(ConfigResource.Type.BROKER, broker);
        Clients.check(!clients.admin.describeConfigs(List.of(resource)).all().get().get(resource).entries().isEmpty(),
                      "the broker has no settings");
    }

    private void settingsThatCannotBeHonouredAreRefused() throws Exception {
        String topic = clients.newTopic("refused", 1);
        for (var wrong : Map.of("retention.ms", "soon", "min.insync.replicas", "2", "no.such.setting", "1").entrySet()) {
            Clients.checkFails(InvalidConfigurationException.class,
                               () -> change(topic, wrong.getKey(), wrong.getValue(), AlterConfigOp.OpType.SET));
        }
        Clients.checkFails(InvalidConfigurationException.class,
                           () -> clients.newTopic("refused", 1, Map.of("retention.ms", "soon")));
    }

    private void partitionsAreAdded() throws Exception {
        String topic = clients.newTopic("grown", 1);
        clients.admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(3))).all().get();
        Clients.checkEqual(3, clients.admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic)
                                  .partitions().size());
        try (var producer = clients.producer(Map.of())) {
            Clients.checkEqual(0L, producer.send(new ProducerRecord<>(topic, 2, null, "there")).get().offset());
        }
        Clients.checkFails(InvalidPartitionsException.class, () -> clients.admin.createPartitions(
            Map.of(topic, NewPartitions.increaseTo(2))).all().get());
    }

    private void directoriesAreDescribed() throws Exception {
        String topic = clients.newTopic("directories", 1);
        clients.sendNumbers(topic, 0, 1);
        int broker = clients.admin.describeCluster().controller().get().id();
        var directories = clients.admin.describeLogDirs(Set.of(broker)).allDescriptions().get().get(broker);
        Clients.checkEqual(1, directories.size());
        LogDirDescription directory = directories.values().iterator().next();
        var replica = directory.replicaInfos().get(new TopicPartition(topic, 0));
        Clients.check(replica != null && replica.size() > 0, "the partition takes no room");
        Clients.check(directory.totalBytes().getAsLong() > directory.usableBytes().getAsLong(), "a disk without files");
        TopicPartitionReplica asked = new TopicPartitionReplica(topic, 0, broker);
        Clients.checkEqual(directories.keySet().iterator().next(),
                           clients.admin.describeReplicaLogDirs(List.of(asked)).all().get().get(asked)
                               .getCurrentReplicaLogDir());
    }

    private ProducerState producerOf(TopicPartition partition) throws Exception {
        List<ProducerState> states =
            clients.admin.describeProducers(List.of(partition)).partitionResult(partition).get().activeProducers();
        Clients.checkEqual(1, states.size());
        return states.get(0);
    }

    private void producersAndTransactionsAreDescribed() throws Exception {
        String topic = clients.newTopic("described", 1);
        TopicPartition partition = new TopicPartition(topic, 0);
        try (var producer = clients.producer(Map.of("transactional.id", topic))) {
            producer.initTransactions();
            producer.beginTransaction();
            producer.send(new ProducerRecord<>(topic, "open")).get();
            TransactionDescription open =
                clients.admin.describeTransactions(List.of(topic)).all().get().get(topic);
            Clients.checkEqual(TransactionState.ONGOING, open.state());
            Clients.checkEqual(Set.of(partition), open.topicPartitions());
            ProducerState state = producerOf(partition);
            Clients.checkEqual(open.producerId(), state.producerId());
            Clients.checkEqual(0L, state.currentTransactionStartOffset().getAsLong());
            Clients.check(clients.admin.listTransactions().all().get().stream().anyMatch(
                              t -> t.transactionalId().equals(topic) && t.producerId() == open.producerId()),
                          "the transaction is not listed");
            producer.commitTransaction();
            Clients.checkEqual(TransactionState.COMPLETE_COMMIT, stateWhenComplete(topic));
            Clients.check(producerOf(partition).currentTransactionStartOffset().isEmpty(), "it is still open");
        }
    }

    private void aTransactionIsAbortedByAnOperator() throws Exception {
        String topic = clients.newTopic("aborted", 1);
        try (var producer = clients.producer(Map.of("transactional.id", topic))) {
            producer.initTransactions();
            producer.beginTransaction();
            producer.send(new ProducerRecord<>(topic, "never seen")).get();
            clients.admin.fenceProducers(List.of(topic)).all().get();
            Clients.checkEqual(TransactionState.EMPTY, stateWhenComplete(topic));
            Clients.check(producerOf(new TopicPartition(topic, 0)).currentTransactionStartOffset().isEmpty(),
                          "it is still open");
        }
        try (var consumer = clients.consumer(Map.of("isolation.level", "read_committed"))) {
            TopicPartition partition = new TopicPartition(topic, 0);
            consumer.assign(List.of(partition));
            Clients.check(consumer.poll(Duration.ofSeconds(1)).isEmpty(), "what was aborted is seen");
        }
    }

    private TransactionState stateWhenComplete(String id) {
        List<TransactionState> seen = new ArrayList<>();
        Clients.waitUntil("the transaction to be complete", () -> {
            try {
                seen.add(clients.admin.describeTransactions(List.of(id)).all().get().get(id).state());
            } catch (Exception error) {
                throw new IllegalStateException(error);
            }
            TransactionState last = seen.get(seen.size() - 1);
            return last != TransactionState.ONGOING && last != TransactionState.PREPARE_ABORT
                && last != TransactionState.PREPARE_COMMIT;
        });
        return seen.get(seen.size() - 1);
    }

    private void producersAreFencedByAnOperator() throws Exception {
        String topic = clients.newTopic("fenced-by-operator", 1);
        try (var producer = clients.producer(Map.of("transactional.id", topic))) {
            producer.initTransactions();
            var fenced = clients.admin.fenceProducers(List.of(topic));
            fenced.all().get();
            Clients.check(fenced.epochId(topic).get() > 0, "the epoch is the producer's");
            producer.beginTransaction();
            try {
                producer.send(new ProducerRecord<>(topic, "too late")).get();
                producer.commitTransaction();
            } catch (Exception error) {
                Throwable cause = error.getCause() == null ? error : error.getCause();
                Clients.check(cause instanceof ProducerFencedException || cause instanceof InvalidProducerEpochException,
                              "the producer fails with %s", cause);
                return;
            }
            throw new AssertionError("a fenced producer has committed");
        }
    }
}
