using System.Collections.Frozen;
using System.Runtime.Serialization;
using Google.Protobuf;

namespace Registry.Messages.Wire;

/// <summary>
/// The registry's protocol as bytes: protobuf (<c>registry.proto</c>) beside a manifest that says which message the bytes hold.
/// Written for nodes of different versions: what a newer node added is ignored, a <see cref="CloseReason"/> that is not known becomes
/// <see cref="CloseReason.Unknown"/>, and a <see cref="RefusalCode"/> that is not known becomes <see cref="RefusalCode.CreateFailed"/>,
/// which nobody retries, with its message as it came. A state, a description type or a kind of settings that is not known cannot be acted on and is malformed.
/// </summary>
public static partial class RegistryCodec
{
    // Manifests are for ever, like the numbers in registry.proto.
    private static readonly Form[] Forms =
    [
        Form.Of<CreateTube, V1.CreateTube>("CT", Write, Read),
        Form.Of<SetRemoteDescription, V1.SetRemoteDescription>("SRD", Write, Read),
        Form.Of<AddCandidates, V1.AddCandidates>("AC", Write, Read),
        Form.Of<CloseTube, V1.CloseTube>("CLT", Write, Read),
        Form.Of<CloseConversation, V1.CloseConversation>("CLC", Write, Read),
        Form.Of<AssociateConversation, V1.AssociateConversation>("ASC", Write, Read),
        Form.Of<SubscribeSignals, V1.SubscribeSignals>("SUB", Write, Read),
        Form.Of<UnsubscribeSignals, V1.UnsubscribeSignals>("UNS", Write, Read),
        Form.Of<GetTube, V1.GetTube>("GT", Write, Read),
        Form.Of<GetCapacity, V1.GetCapacity>("GC", _ => new(), _ => GetCapacity.Instance),
        Form.Of<ChangeLimits, V1.ChangeLimits>("CHL", Write, Read),

        Form.Of<Done, V1.Done>("DN", _ => new(), _ => Done.Instance),
        Form.Of<TubeCreated, V1.TubeCreated>("TC", Write, Read),
        Form.Of<TubeFound, V1.TubeFound>("TF", Write, Read),
        Form.Of<CapacityRead, V1.CapacityRead>("CR", Write, Read),
        Form.Of<Refused, V1.Refused>("RF", Write, Read),

        Form.Of<IceCandidateFound, V1.IceCandidateFound>("ICF", Write, Read),
        Form.Of<ConnectionStateChanged, V1.ConnectionStateChanged>("CSC", Write, Read),
        Form.Of<ChannelOpened, V1.ChannelOpened>("CHO", Write, Read),
        Form.Of<ChannelClosed, V1.ChannelClosed>("CHC", Write, Read),
        Form.Of<TubeClosed, V1.TubeClosed>("TCL", Write, Read),
        Form.Of<SignalsMissed, V1.SignalsMissed>("SM", Write, Read),
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
            throw new SerializationException($"No message of the registry's protocol has the manifest '{(manifest.Length <= 16 ? manifest : manifest[..16] + "…")}'.");
        try
        {
            return form.Read(bytes);
        }
        catch (Exception e) when (e is InvalidProtocolBufferException or FormatException)
        {
            throw new SerializationException($"A {form.Type.Name} cannot be read: {e.Message}", e);
        }
    }

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
