using Registry.Messages.Cluster;

namespace Registry.Messages.Wire;

public static partial class RegistryCodec
{
    private static V1.NodeLoad Write(NodeLoad load) => new()
    {
        Node = Write(load.Node),
        Name = load.Name,
        Capacity = Write(load.Capacity),
        Version = load.Version,
        SinceUtcTicks = load.Since.UtcTicks,
        SupersededTubes = load.SupersededTubes,
    };

    private static NodeLoad Read(V1.NodeLoad wire) =>
        new(Node(wire.Node), wire.Name, Read(Required(wire.Capacity, "capacity")), wire.Version, Time(wire.SinceUtcTicks), wire.SupersededTubes);

    private static V1.OpenConversation Write(OpenConversation open)
    {
        var wire = new V1.OpenConversation { OpenId = Write(open.OpenId), Command = EncloseOpening(open.Command) };
        if (open.At is { } node)
            wire.At = Write(node);
        return wire;
    }

    private static OpenConversation Read(V1.OpenConversation wire) =>
        new(Id(wire.OpenId, "open_id"), Opening(wire.Command), wire.At is { } node ? Read(node) : null);

    private static V1.AbandonOpen Write(AbandonOpen abandon) =>
        new() { ConversationId = abandon.ConversationId.ToString(), OpenId = Write(abandon.OpenId) };

    private static AbandonOpen Read(V1.AbandonOpen wire) => new(Conversation(wire.ConversationId), Id(wire.OpenId, "open_id"));

    private static V1.PlaceTaken Write(PlaceTaken taken) => new()
    {
        ConversationId = taken.ConversationId.ToString(),
        OpenId = Write(taken.OpenId),
        Epoch = taken.Epoch,
        Node = Write(taken.Node),
    };

    private static PlaceTaken Read(V1.PlaceTaken wire) => new(Conversation(wire.ConversationId), Id(wire.OpenId, "open_id"), wire.Epoch, Node(wire.Node));

    private static V1.PlaceSettled Write(PlaceSettled settled) => new()
    {
        ConversationId = settled.ConversationId.ToString(),
        OpenId = Write(settled.OpenId),
        Epoch = settled.Epoch,
        Node = Write(settled.Node),
        Reply = Enclose(settled.Reply),
    };

    private static PlaceSettled Read(V1.PlaceSettled wire) => new(
        Conversation(wire.ConversationId),
        Id(wire.OpenId, "open_id"),
        wire.Epoch,
        Node(wire.Node),
        Enclosed<RegistryReply>(Required(wire.Reply, "reply")));

    private static V1.ConversationHeld Write(ConversationHeld held) => new()
    {
        ConversationId = held.ConversationId.ToString(),
        TubeId = held.TubeId.ToString(),
        Epoch = held.Epoch,
        Node = Write(held.Node),
    };

    private static ConversationHeld Read(V1.ConversationHeld wire) => new(Conversation(wire.ConversationId), Tube(wire.TubeId), wire.Epoch, Node(wire.Node));

    private static V1.ConversationEnded Write(ConversationEnded ended) =>
        new() { ConversationId = ended.ConversationId.ToString(), TubeId = ended.TubeId.ToString(), Node = Write(ended.Node) };

    private static ConversationEnded Read(V1.ConversationEnded wire) => new(Conversation(wire.ConversationId), Tube(wire.TubeId), Node(wire.Node));

    private static V1.Place Write(Place place) => new() { OpenId = Write(place.OpenId), Epoch = place.Epoch, Command = EncloseOpening(place.Command), OnlyIfHeld = place.OnlyIfHeld };

    private static Place Read(V1.Place wire) => new(Id(wire.OpenId, "open_id"), wire.Epoch, Opening(wire.Command), wire.OnlyIfHeld);

    private static V1.Unplace Write(Unplace unplace) => new() { OpenId = Write(unplace.OpenId) };

    private static Unplace Read(V1.Unplace wire) => new(Id(wire.OpenId, "open_id"));

    private static V1.Supersede Write(Supersede supersede) =>
        new() { ConversationId = supersede.ConversationId.ToString(), TubeId = supersede.TubeId.ToString(), Epoch = supersede.Epoch };

    private static Supersede Read(V1.Supersede wire) => new(Conversation(wire.ConversationId), Tube(wire.TubeId), wire.Epoch);

    private static V1.RecoverShard Write(RecoverShard recover) => new() { Shard = recover.Shard };

    private static RecoverShard Read(V1.RecoverShard wire) => new(wire.Shard);

    private static V1.ShardHeld Write(ShardHeld held) => new() { Shard = held.Shard, Node = Write(held.Node), Held = { held.Held.Select(Write) } };

    private static ShardHeld Read(V1.ShardHeld wire) => new(wire.Shard, Node(wire.Node), [.. wire.Held.Select(Read)]);

    private static V1.ReserveTube Write(ReserveTube reserve) =>
        new() { Owner = reserve.Owner, TubeId = reserve.TubeId.ToString(), Node = Write(reserve.Node) };

    private static ReserveTube Read(V1.ReserveTube wire) => new(wire.Owner, Tube(wire.TubeId), Node(wire.Node));

    private static V1.ReleaseTube Write(ReleaseTube release) => new() { Owner = release.Owner, TubeId = release.TubeId.ToString() };

    private static ReleaseTube Read(V1.ReleaseTube wire) => new(wire.Owner, Tube(wire.TubeId));

    private static V1.RecoverOwner Write(RecoverOwner recover) => new() { Owner = recover.Owner };

    private static RecoverOwner Read(V1.RecoverOwner wire) => new(wire.Owner);

    private static V1.OwnerHeld Write(OwnerHeld held) =>
        new() { Owner = held.Owner, Node = Write(held.Node), Tubes = { held.Tubes.Select(tube => tube.ToString()) } };

    private static OwnerHeld Read(V1.OwnerHeld wire) => new(wire.Owner, Node(wire.Node), [.. wire.Tubes.Select(Tube)]);

    private static V1.Enclosed EncloseOpening(IRegistryCommand command) => Opens(command.GetType())
        ? Enclose(command)
        : throw new FormatException($"{command.GetType().Name} may not be inside.");

    private static IRegistryCommand Opening(V1.Enclosed? wire) => (IRegistryCommand)Enclosed(Required(wire, "command"), Opens);

    private static bool Opens(Type command) => command == typeof(CreateTube) || command == typeof(AssociateConversation);
}
