package main

import (
	"sort"

	v1 "tailrace/v1"
)

// member of a group. What it is assigned it counts as read from its next heartbeat on.
type member struct {
	broker     *connection
	group, id  string
	epoch      uint32
	assignment []*v1.TopicPartitions
}

func join(broker *connection, group, topic string) *member {
	var joined v1.JoinGroupResponse
	broker.do("GroupService/JoinGroup", &v1.JoinGroupRequest{Group: group, Topics: []string{topic}}, &joined)
	return &member{broker, group, joined.MemberId, joined.MemberEpoch, joined.Assignment}
}

// Whoever reads and commits does so before he lets go of what is not listed any more.
func (member *member) beat() {
	var answer v1.HeartbeatResponse
	member.broker.do("GroupService/Heartbeat", &v1.HeartbeatRequest{Group: member.group, MemberId: member.id,
		MemberEpoch: member.epoch, Owned: member.assignment}, &answer)
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
	var response v1.CommitOffsetResponse
	commit := &v1.OffsetCommit{Topic: topic, Partition: uint32(partition), Offset: offset}
	member.broker.do("GroupService/CommitOffset", &v1.CommitOffsetRequest{Group: member.group, MemberId: member.id,
		MemberEpoch: member.epoch, Offsets: []*v1.OffsetCommit{commit}}, &response)
	return response.Results[0].Error.GetCode()
}

// Two members share the partitions, read them, and commit all but the last record of each.
func share(broker *connection, topic string) {
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
			read := fetch(broker, topic, uint32(number), true)
			code := member.commit(topic, number, read.NextOffset-1)
			must(code == v1.ErrorCode_ERROR_CODE_UNSPECIFIED, "%v", code)
		}
	}
	code := first.commit(topic, second.partitions()[0], 1)
	must(code == v1.ErrorCode_ERROR_CODE_NOT_OWNER, "%v", code)
	var described v1.DescribeGroupResponse
	broker.do("GroupService/DescribeGroup", &v1.DescribeGroupRequest{Group: group}, &described)
	must(described.Group.State == v1.GroupState_GROUP_STATE_STABLE && len(described.Members) == 2, "%v", &described)
	must(len(described.Partitions) == partitions, "%v", &described)
	for number, part := range described.Partitions {
		must(part.Committed.Partition == uint32(number) && part.Lag == 1, "%v", part)
	}
	for _, member := range members {
		broker.do("GroupService/LeaveGroup", &v1.LeaveGroupRequest{Group: group, MemberId: member.id},
			new(v1.LeaveGroupResponse))
	}
}
