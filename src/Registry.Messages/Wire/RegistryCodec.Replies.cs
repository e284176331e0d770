namespace Registry.Messages.Wire;

public static partial class RegistryCodec
{
    private static V1.TubeCreated Write(TubeCreated reply)
    {
        var wire = new V1.TubeCreated
        {
            TubeId = reply.TubeId.ToString(),
            ConversationId = reply.ConversationId.ToString(),
            Node = reply.Node,
            State = TubeStates.Write(reply.State),
        };
        if (reply.Offer is { } offer)
            wire.Offer = offer;
        if (reply.Answer is { } answer)
            wire.Answer = answer;
        if (reply.LocalListenAddress is { } address)
            wire.LocalListenAddress = address;
        return wire;
    }

    private static TubeCreated Read(V1.TubeCreated wire) => new(Tube(wire.TubeId), Conversation(wire.ConversationId), wire.Node, TubeStates.Read(wire.State))
    {
        Offer = wire.HasOffer ? wire.Offer : null,
        Answer = wire.HasAnswer ? wire.Answer : null,
        LocalListenAddress = wire.HasLocalListenAddress ? wire.LocalListenAddress : null,
    };

    private static V1.DescriptionMade Write(DescriptionMade reply) => new() { TubeId = reply.TubeId.ToString(), Type = DescriptionTypes.Write(reply.Type), Sdp = reply.Sdp };

    private static DescriptionMade Read(V1.DescriptionMade wire) => new(Tube(wire.TubeId), DescriptionTypes.Read(wire.Type), wire.Sdp);

    private static V1.TubeFound Write(TubeFound reply) => new() { Snapshot = Write(reply.Snapshot) };

    private static TubeFound Read(V1.TubeFound wire) => new(Read(Required(wire.Snapshot, "snapshot")));

    private static V1.TubeSnapshot Write(TubeSnapshot tube)
    {
        var wire = new V1.TubeSnapshot
        {
            TubeId = tube.TubeId.ToString(),
            Node = tube.Node,
            State = TubeStates.Write(tube.State),
            IsOfferer = tube.IsOfferer,
            Conversations = { tube.Conversations.Select(Write) },
            History = { tube.History.Select(e => new V1.TubeStateEntry { State = TubeStates.Write(e.State), AtUtcTicks = e.At.UtcTicks }) },
            Traffic = Write(tube.Traffic),
            LastSignal = tube.LastSignal,
        };
        if (tube.Owner is { } owner)
            wire.Owner = owner;
        if (tube.SelectedPair is { } pair)
            wire.SelectedPair = pair;
        if (tube.LocalAddress is { } local)
            wire.LocalAddress = local;
        if (tube.RemoteAddress is { } remote)
            wire.RemoteAddress = remote;
        if (tube.CloseReason is { } reason)
            wire.CloseReason = reason.Code;
        if (tube.CloseText is { } text)
            wire.CloseText = text;
        if (tube.ClosedBy is { } closer)
            wire.ClosedBy = closer;
        return wire;
    }

    private static TubeSnapshot Read(V1.TubeSnapshot wire) => new(Tube(wire.TubeId), wire.Node, TubeStates.Read(wire.State))
    {
        Owner = wire.HasOwner ? wire.Owner : null,
        IsOfferer = wire.IsOfferer,
        Conversations = [.. wire.Conversations.Select(Read)],
        History = [.. wire.History.Select(e => new TubeStateEntry(TubeStates.Read(e.State), Time(e.AtUtcTicks)))],
        SelectedPair = wire.HasSelectedPair ? wire.SelectedPair : null,
        LocalAddress = wire.HasLocalAddress ? wire.LocalAddress : null,
        RemoteAddress = wire.HasRemoteAddress ? wire.RemoteAddress : null,
        Traffic = Read(Required(wire.Traffic, "traffic")),
        LastSignal = wire.LastSignal,
        CloseReason = wire.HasCloseReason ? CloseReason.FromCode(wire.CloseReason) : null,
        CloseText = wire.HasCloseText ? wire.CloseText : null,
        ClosedBy = wire.HasClosedBy ? wire.ClosedBy : null,
    };

    private static V1.ConversationSnapshot Write(ConversationSnapshot conversation)
    {
        var wire = new V1.ConversationSnapshot
        {
            ConversationId = conversation.ConversationId.ToString(),
            Type = conversation.Type,
            IsOpen = conversation.IsOpen,
        };
        if (conversation.LocalListenAddress is { } address)
            wire.LocalListenAddress = address;
        if (conversation.Target is { } target)
            wire.Target = target;
        return wire;
    }

    private static ConversationSnapshot Read(V1.ConversationSnapshot wire) => new(Conversation(wire.ConversationId), wire.Type, wire.IsOpen)
    {
        LocalListenAddress = wire.HasLocalListenAddress ? wire.LocalListenAddress : null,
        Target = wire.HasTarget ? wire.Target : null,
    };

    private static V1.TubeTraffic Write(TubeTraffic traffic)
    {
        var wire = new V1.TubeTraffic
        {
            BytesSent = traffic.BytesSent,
            BytesReceived = traffic.BytesReceived,
            MessagesSent = traffic.MessagesSent,
            MessagesReceived = traffic.MessagesReceived,
        };
        if (traffic.RoundTripTime is { } roundTrip)
            wire.RoundTripTimeTicks = roundTrip.Ticks;
        if (traffic.LastSentAt is { } sent)
            wire.LastSentAtUtcTicks = sent.UtcTicks;
        if (traffic.LastReceivedAt is { } received)
            wire.LastReceivedAtUtcTicks = received.UtcTicks;
        return wire;
    }

    private static TubeTraffic Read(V1.TubeTraffic wire) =>
        new(wire.BytesSent, wire.BytesReceived, wire.MessagesSent, wire.MessagesReceived, wire.HasRoundTripTimeTicks ? new(wire.RoundTripTimeTicks) : null)
        {
            LastSentAt = wire.HasLastSentAtUtcTicks ? Time(wire.LastSentAtUtcTicks) : null,
            LastReceivedAt = wire.HasLastReceivedAtUtcTicks ? Time(wire.LastReceivedAtUtcTicks) : null,
        };

    private static V1.TubesRead Write(TubesRead reply) => new() { Page = Write(reply.Page) };

    private static TubesRead Read(V1.TubesRead wire) => new(Read(Required(wire.Page, "page")));

    private static V1.TubePage Write(TubePage page)
    {
        var wire = new V1.TubePage { Items = { page.Items.Select(Write) }, IncompleteNodes = { page.IncompleteNodes } };
        if (page.NextCursor is { } cursor)
            wire.NextCursor = cursor.ToString();
        return wire;
    }

    private static TubePage Read(V1.TubePage wire) => new([.. wire.Items.Select(Read)], wire.HasNextCursor ? Tube(wire.NextCursor) : null)
    {
        IncompleteNodes = [.. wire.IncompleteNodes],
    };

    private static V1.SignalsRead Write(SignalsRead reply) => new() { Signals = { reply.Signals.Select(Enclose) }, Ended = reply.Ended };

    private static SignalsRead Read(V1.SignalsRead wire) => new([.. wire.Signals.Select(Signal)], wire.Ended);

    private static V1.EventsRead Write(EventsRead reply) => new()
    {
        Run = reply.Run,
        LastSequence = reply.LastSequence,
        Changes = { reply.Changes.Select(Enclose) },
        Missed = reply.Missed,
    };

    private static EventsRead Read(V1.EventsRead wire) => new(wire.Run, wire.LastSequence, [.. wire.Changes.Select(Signal)], wire.Missed);

    private static V1.NodesRead Write(NodesRead reply) => new() { Nodes = { reply.Nodes.Select(Write) } };

    private static NodesRead Read(V1.NodesRead wire) => new([.. wire.Nodes.Select(Read)]);

    private static V1.NodeSnapshot Write(NodeSnapshot node)
    {
        var wire = new V1.NodeSnapshot
        {
            Node = node.Node,
            Address = node.Address,
            State = NodeStates.Write(node.State),
            SupersededTubes = node.SupersededTubes,
        };
        if (node.Capacity is { } capacity)
            wire.Capacity = Write(capacity);
        if (node.Version is { } version)
            wire.Version = version;
        if (node.Since is { } since)
            wire.SinceUtcTicks = since.UtcTicks;
        return wire;
    }

    private static NodeSnapshot Read(V1.NodeSnapshot wire) => new(wire.Node, wire.Address, NodeStates.Read(wire.State, unknown: NodeState.Unreachable))
    {
        Capacity = wire.Capacity is { } capacity ? Read(capacity) : null,
        Version = wire.HasVersion ? wire.Version : null,
        Since = wire.HasSinceUtcTicks ? Time(wire.SinceUtcTicks) : null,
        SupersededTubes = wire.SupersededTubes,
    };

    private static V1.CapacityRead Write(CapacityRead reply) => new() { Capacity = Write(reply.Capacity) };

    private static CapacityRead Read(V1.CapacityRead wire) => new(Read(Required(wire.Capacity, "capacity")));

    private static V1.RegistryCapacity Write(RegistryCapacity capacity)
    {
        var wire = new V1.RegistryCapacity
        {
            CanAcceptMore = capacity.CanAcceptMore,
            ActiveCreates = capacity.ActiveCreates,
            MaxConcurrentCreates = capacity.MaxConcurrentCreates,
            Waiting = capacity.Waiting,
            MaxWaiting = capacity.MaxWaiting,
            LoadPercentage = capacity.LoadPercentage,
            SuggestedDelayMs = capacity.SuggestedDelayMs,
            AvgCreateTimeMs = capacity.AvgCreateTimeMs,
            TotalCreates = capacity.TotalCreates,
            TotalFailures = capacity.TotalFailures,
            TotalRejected = capacity.TotalRejected,
            Tubes = capacity.Tubes,
            MaxTubes = capacity.MaxTubes,
            MaxTubesPerOwner = capacity.MaxTubesPerOwner,
            StaleTubesRemoved = capacity.StaleTubesRemoved,
            CloseTimeouts = capacity.CloseTimeouts,
            ReconcilerFindings = capacity.ReconcilerFindings,
            IsDraining = capacity.IsDraining,
            DrainDeadlineMs = capacity.DrainDeadlineMs,
        };
        if (capacity.DrainUntil is { } until)
            wire.DrainUntilUtcTicks = until.UtcTicks;
        return wire;
    }

    private static RegistryCapacity Read(V1.RegistryCapacity wire) => new()
    {
        CanAcceptMore = wire.CanAcceptMore,
        ActiveCreates = wire.ActiveCreates,
        MaxConcurrentCreates = wire.MaxConcurrentCreates,
        Waiting = wire.Waiting,
        MaxWaiting = wire.MaxWaiting,
        LoadPercentage = wire.LoadPercentage,
        SuggestedDelayMs = wire.SuggestedDelayMs,
        AvgCreateTimeMs = wire.AvgCreateTimeMs,
        TotalCreates = wire.TotalCreates,
        TotalFailures = wire.TotalFailures,
        TotalRejected = wire.TotalRejected,
        Tubes = wire.Tubes,
        MaxTubes = wire.MaxTubes,
        MaxTubesPerOwner = wire.MaxTubesPerOwner,
        StaleTubesRemoved = wire.StaleTubesRemoved,
        CloseTimeouts = wire.CloseTimeouts,
        ReconcilerFindings = wire.ReconcilerFindings,
        IsDraining = wire.IsDraining,
        DrainDeadlineMs = wire.DrainDeadlineMs,
        DrainUntil = wire.HasDrainUntilUtcTicks ? Time(wire.DrainUntilUtcTicks) : null,
    };

    private static V1.Refused Write(Refused reply)
    {
        var wire = new V1.Refused { Code = RefusalCodes.Write(reply.Code), Message = reply.Message };
        if (reply.Key is { } key)
            wire.Key = key;
        if (reply.TubeId is { } tube)
            wire.TubeId = tube.ToString();
        if (reply.ActiveCreates is { } creates)
            wire.ActiveCreates = creates;
        if (reply.Limit is { } limit)
            wire.Limit = limit;
        if (reply.RetryAfter is { } after)
            wire.RetryAfterTicks = after.Ticks;
        return wire;
    }

    private static Refused Read(V1.Refused wire) => new(RefusalCodes.Read(wire.Code, unknown: RefusalCode.CreateFailed), wire.Message)
    {
        Key = wire.HasKey ? wire.Key : null,
        TubeId = wire.HasTubeId ? Tube(wire.TubeId) : null,
        ActiveCreates = wire.HasActiveCreates ? wire.ActiveCreates : null,
        Limit = wire.HasLimit ? wire.Limit : null,
        RetryAfter = wire.HasRetryAfterTicks ? new(wire.RetryAfterTicks) : null,
    };
}
