using Google.Protobuf;
using Registry.Messages.Cluster;

namespace Registry.Messages.Wire;

public static partial class RegistryCodec
{
    private static readonly EnumPairs<DescriptionType, V1.DescriptionType> DescriptionTypes = new();
    private static readonly EnumPairs<TubeState, V1.TubeState> TubeStates = new();
    private static readonly EnumPairs<RefusalCode, V1.RefusalCode> RefusalCodes = new();
    private static readonly EnumPairs<NodeState, V1.NodeState> NodeStates = new();

    private static TubeId Tube(string text) => TubeId.TryParse(text, out var id)
        ? id
        : throw new FormatException($"tube_id is not 1 to {TubeId.MaxLength} characters of A-Z a-z 0-9 . _ -.");

    private static ConversationId Conversation(string text) => ConversationId.TryParse(text, out var id)
        ? id
        : throw new FormatException($"conversation_id is not 1 to {ConversationId.MaxLength} printable characters.");

    private static DateTimeOffset Time(long utcTicks) => utcTicks >= 0 && utcTicks <= DateTimeOffset.MaxValue.UtcTicks
        ? new(utcTicks, TimeSpan.Zero)
        : throw new FormatException($"{utcTicks} is no time: it is outside of the years 1 to 9999.");

    private static ByteString Write(Guid id) => ByteString.CopyFrom(id.ToByteArray(bigEndian: true));

    private static Guid Id(ByteString bytes, string name) => bytes.Length == 16
        ? new(bytes.Span, bigEndian: true)
        : throw new FormatException($"{name} has {bytes.Length} bytes; an id has 16.");

    // The address of a default value is null.
    private static V1.NodeAddress Write(NodeAddress node) => new() { Address = node.Address ?? throw new FormatException("a node has no address."), Run = node.Run };

    private static NodeAddress Node(V1.NodeAddress? wire) => Read(Required(wire, "node"));

    private static NodeAddress Read(V1.NodeAddress wire) => new(wire.Address, wire.Run);

    private static V1.Enclosed Enclose(IRegistryProtocol message)
    {
        var form = FormOf(message);
        return new() { Manifest = form.Manifest, Body = form.Write(message).ToByteString() };
    }

    // The manifest is looked at before the bytes are, so messages are nested no deeper than their types: what holds a command or a reply is neither.
    private static T Enclosed<T>(V1.Enclosed wire) where T : IRegistryProtocol => (T)Enclosed(wire, typeof(T).IsAssignableFrom);

    private static IRegistryProtocol Enclosed(V1.Enclosed wire, Func<Type, bool> isAllowed)
    {
        if (!ByManifest.TryGetValue(wire.Manifest, out var form))
            throw new FormatException(NoSuchManifest(wire.Manifest));
        return isAllowed(form.Type) ? form.Read(wire.Body.Span) : throw new FormatException($"{form.Type.Name} may not be inside.");
    }

    private static T Required<T>(T? field, string name) where T : class => field ?? throw new FormatException($"{name} is missing.");
}
