package main

import (
	"sort"

	v1 "tailrace/v1"
)

// member of a group. What it is assigned it counts as read from its next heartbeat on.
type member struct {
	broker     *services
	group, id  string
	epoch      uint32
	assignment []*v1.TopicPartitions
}

func join(broker *services, group, topic string) *member {
	joined, err := broker.groups.JoinGroup(broker, &v1.JoinGroupRequest{Group: group, Topics: []string{topic}})
	succeeded(err)
	return &member{broker, group, joined.MemberId, joined.MemberEpoch, joined.Assignment}
}

// Whoever reads and commits does so before he lets go of what is not listed any more.
func (member *member) beat() {
	answer, err := member.broker.groups.Heartbeat(member.broker, &v1.HeartbeatRequest{Group: member.group,
		MemberId: member.id, MemberEpoch: member.epoch, Owned: member.assignment})
	succeeded(err)
	member.epoch, member.assignment = answer.MemberEpoch, answer.Assignment
}

func (member *member) partitions() (found []int) {
	for _, part := range member.assignment {
		for _, number := range part.Partitions {
			found = append(found, int(number))
		}
	}
	return found
}

// commit returns the error code; 0: stored.
func (member *member) commit(topic string, partition int, offset int64) v1.ErrorCode {
	commit := &v1.OffsetCommit{Topic: topic, Partition: uint32(partition), Offset: offset}
	response, err := member.broker.groups.CommitOffset(member.broker, &v1.CommitOffsetRequest{Group: member.group,
		MemberId: member.id, MemberEpoch: member.epoch, Offsets: []*v1.OffsetCommit{commit}})
	succeeded(err)
	return response.Results[0].Error.GetCode()
}

// Two members share the partitions, read them, and commit all but the last record of each.
func share(broker *services, topic string) {
	group := topic + "-readers"
	members := []*member{join(broker, group, topic), join(broker, group, topic)}
	for turn := 0; turn < 20; turn++ {
		for _, member := range members {
			member.beat()
		}
	}
	first, second := members[0], members[1]
	all := append(first.partitions(), second.partitions()...)
	sort.Ints(all)
	must(len(first.partitions()) == len(second.partitions()) && len(all) == partitions, "%v", all)
	for number, owned := range all {
		must(number == owned, "%v", all)
	}
	for _, member := range members {
		for _, number := range member.partitions() {
			read := broker.fetch(topic, uint32(number), true)
			code := member.commit(topic, number, read.NextOffset-1)
			must(code == v1.ErrorCode_ERROR_CODE_UNSPECIFIED, "%v", code)
		}
	}
	code := first.commit(topic, second.partitions()[0], 1)
	must(code == v1.ErrorCode_ERROR_CODE_NOT_OWNER, "%v", code)
	described, err := broker.groups.DescribeGroup(broker, &v1.DescribeGroupRequest{Group: group})
	succeeded(err)
	must(described.Group.State == v1.GroupState_GROUP_STATE_STABLE && len(described.Members) == 2, "%v", described)
	must(len(described.Partitions) == partitions, "%v", described)
	for number, part := range described.Partitions {
		must(part.Committed.Partition == uint32(number) && part.Lag == 1, "%v", part)
	}
	for _, member := range members {
		_, err := broker.groups.LeaveGroup(broker, &v1.LeaveGroupRequest{Group: group, MemberId: member.id})
		succeeded(err)
	}
}
