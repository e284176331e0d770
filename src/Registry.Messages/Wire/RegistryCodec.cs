using System.Collections.Frozen;
using System.Runtime.Serialization;
using Google.Protobuf;
using Registry.Messages.Cluster;

namespace Registry.Messages.Wire;

/// <summary>
/// The registry's protocol as bytes: protobuf (<c>registry.proto</c>) beside a manifest that says which message the bytes hold.
/// Written for nodes of different versions: what a newer node added is ignored, a <see cref="CloseReason"/> that is not known becomes
/// <see cref="CloseReason.Unknown"/>, and a <see cref="RefusalCode"/> that is not known becomes <see cref="RefusalCode.CreateFailed"/>,
/// which nobody retries, with its message as it came. A <see cref="NodeState"/> that is not known becomes <see cref="NodeState.Unreachable"/>: nothing is
/// expected of that node. A tube's state, a description type or a kind of settings that is not known cannot be acted on and is malformed, and so is a
/// message whose enclosed command or reply is not known. A signal that is not known becomes a <see cref="SignalsMissed"/> of its number.
/// </summary>
public static partial class RegistryCodec
{
    // Manifests are for ever, like the numbers in registry.proto.
    private static readonly Form[] Forms =
    [
        Form.Of<CreateTube, V1.CreateTube>("CT", Write, Read),
        Form.Of<SetRemoteDescription, V1.SetRemoteDescription>("SRD", Write, Read),
        Form.Of<RestartIce, V1.RestartIce>("RI", Write, Read),
        Form.Of<AddCandidates, V1.AddCandidates>("AC", Write, Read),
        Form.Of<CloseTube, V1.CloseTube>("CLT", Write, Read),
        Form.Of<CloseConversation, V1.CloseConversation>("CLC", Write, Read),
        Form.Of<AssociateConversation, V1.AssociateConversation>("ASC", Write, Read),
        Form.Of<SubscribeSignals, V1.SubscribeSignals>("SUB", Write, Read),
        Form.Of<UnsubscribeSignals, V1.UnsubscribeSignals>("UNS", Write, Read),
        Form.Of<ReadSignals, V1.ReadSignals>("RS", Write, Read),
        Form.Of<GetTube, V1.GetTube>("GT", Write, Read),
        Form.Of<ReadStatistics, V1.ReadStatistics>("RDS", Write, Read),
        Form.Of<FindConversation, V1.FindConversation>("FC", Write, Read),
        Form.Of<ListTubes, V1.ListTubes>("LT", Write, Read),
        Form.Of<GetNodes, V1.GetNodes>("GN", _ => new(), _ => GetNodes.Instance),
        Form.Of<ReadEvents, V1.ReadEvents>("RE", Write, Read),
        Form.Of<GetCapacity, V1.GetCapacity>("GC", _ => new(), _ => GetCapacity.Instance),
        Form.Of<ChangeLimits, V1.ChangeLimits>("CHL", Write, Read),
        Form.Of<DrainNode, V1.DrainNode>("DRN", Write, Read),
        Form.Of<ResumeNode, V1.ResumeNode>("RSN", _ => new(), _ => ResumeNode.Instance),

        Form.Of<Done, V1.Done>("DN", _ => new(), _ => Done.Instance),
        Form.Of<TubeCreated, V1.TubeCreated>("TC", Write, Read),
        Form.Of<DescriptionMade, V1.DescriptionMade>("DM", Write, Read),
        Form.Of<TubeFound, V1.TubeFound>("TF", Write, Read),
        Form.Of<StatisticsRead, V1.StatisticsRead>("STR", Write, Read),
        Form.Of<TubesRead, V1.TubesRead>("TR", Write, Read),
        Form.Of<SignalsRead, V1.SignalsRead>("SR", Write, Read),
        Form.Of<EventsRead, V1.EventsRead>("ER", Write, Read),
        Form.Of<NodesRead, V1.NodesRead>("NR", Write, Read),
        Form.Of<CapacityRead, V1.CapacityRead>("CR", Write, Read),
        Form.Of<Refused, V1.Refused>("RF", Write, Read),

        Form.Of<IceCandidateFound, V1.IceCandidateFound>("ICF", Write, Read),
        Form.Of<ConnectionStateChanged, V1.ConnectionStateChanged>("CSC", Write, Read),
        Form.Of<IceRestartOffered, V1.IceRestartOffered>("IRO", Write, Read),
        Form.Of<ChannelOpened, V1.ChannelOpened>("CHO", Write, Read),
        Form.Of<ChannelClosed, V1.ChannelClosed>("CHC", Write, Read),
        Form.Of<TubeClosed, V1.TubeClosed>("TCL", Write, Read),
        Form.Of<GuacdInstruction, V1.GuacdInstruction>("GI", Write, Read),
        Form.Of<NodeDraining, V1.NodeDraining>("ND", Write, Read),
        Form.Of<SignalsMissed, V1.SignalsMissed>("SM", Write, Read),

        Form.Of<NodeLoad, V1.NodeLoad>("NL", Write, Read),
        Form.Of<OpenConversation, V1.OpenConversation>("OC", Write, Read),
        Form.Of<AbandonOpen, V1.AbandonOpen>("AO", Write, Read),
        Form.Of<PlaceTaken, V1.PlaceTaken>("PT", Write, Read),
        Form.Of<PlaceSettled, V1.PlaceSettled>("PS", Write, Read),
        Form.Of<ConversationHeld, V1.ConversationHeld>("CH", Write, Read),
        Form.Of<ConversationEnded, V1.ConversationEnded>("CE", Write, Read),
        Form.Of<Place, V1.Place>("PL", Write, Read),
        Form.Of<Unplace, V1.Unplace>("UP", Write, Read),
        Form.Of<Supersede, V1.Supersede>("SP", Write, Read),
        Form.Of<RecoverShard, V1.RecoverShard>("RCS", Write, Read),
        Form.Of<ShardHeld, V1.ShardHeld>("SH", Write, Read),
        Form.Of<ReserveTube, V1.ReserveTube>("RST", Write, Read),
        Form.Of<ReleaseTube, V1.ReleaseTube>("RLT", Write, Read),
        Form.Of<RecoverOwner, V1.RecoverOwner>("RCO", Write, Read),
        Form.Of<OwnerHeld, V1.OwnerHeld>("OH", Write, Read),
    ];

    private static readonly FrozenDictionary<Type, Form> ByType = Forms.ToFrozenDictionary(f => f.Type);
    private static readonly FrozenDictionary<string, Form> ByManifest = Forms.ToFrozenDictionary(f => f.Manifest);

    /// <summary>The two or three letters that say which message its bytes hold.</summary>
    /// <exception cref="SerializationException">The codec does not know the message's type.</exception>
    public static string ManifestOf(IRegistryProtocol message) => FormOf(message).Manifest;

    /// <summary>Writes a message.</summary>
    /// <exception cref="SerializationException">The codec does not know the message's type, or a value in it has no wire form.</exception>
    public static byte[] Encode(IRegistryProtocol message)
    {
        var form = FormOf(message);
        try
        {
            return form.Write(message).ToByteArray();
        }
        catch (FormatException e)
        {
            throw new SerializationException($"A {form.Type.Name} cannot be written: {e.Message}", e);
        }
    }

    /// <summary>Reads a message. Only the form of its values is checked; whether they make sense together the registry says in its reply.</summary>
    /// <param name="manifest">What <see cref="ManifestOf"/> gave.</param>
    /// <param name="bytes">What <see cref="Encode"/> gave, or anything else.</param>
    /// <exception cref="SerializationException">The manifest is unknown, the bytes are not protobuf, or a value is missing or not allowed.</exception>
    public static IRegistryProtocol Decode(string manifest, ReadOnlySpan<byte> bytes)
    {
        if (!ByManifest.TryGetValue(manifest, out var form))
            throw new SerializationException(NoSuchManifest(manifest));
        try
        {
            return form.Read(bytes);
        }
        catch (Exception e) when (e is InvalidProtocolBufferException or FormatException)
        {
            throw new SerializationException($"A {form.Type.Name} cannot be read: {e.Message}", e);
        }
    }

    private static string NoSuchManifest(string manifest) =>
        $"No message of the registry's protocol has the manifest '{(manifest.Length <= 16 ? manifest : manifest[..16] + "…")}'.";

    private static Form FormOf(IRegistryProtocol message) => ByType.TryGetValue(message.GetType(), out var form)
        ? form
        : throw new SerializationException($"{message.GetType()} is not a message of the registry's protocol.");

    private sealed record Form(string Manifest, Type Type, Func<IRegistryProtocol, IMessage> Write, Func<ReadOnlySpan<byte>, IRegistryProtocol> Read)
    {
        public static Form Of<TMessage, TWire>(string manifest, Func<TMessage, TWire> write, Func<TWire, TMessage> read)
            where TMessage : IRegistryProtocol
            where TWire : IMessage<TWire>, new()
        {
            var parser = new MessageParser<TWire>(static () => new()).WithDiscardUnknownFields(true);
            return new(manifest, typeof(TMessage), message => write((TMessage)message), bytes => read(parser.ParseFrom(bytes)));
        }
    }
}
