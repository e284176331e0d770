using Akka.Actor;
using Akka.Hosting;
using Akka.Serialization;
using Registry.Messages;
using Registry.Messages.Wire;

namespace Registry.Actors.Hosting;

/// <summary>Carries the registry's protocol from node to node.</summary>
internal sealed class RegistryProtocolSerializer(ExtendedActorSystem system) : SerializerWithStringManifest(system)
{
    /// <summary>Travels with every message, so it is for ever.</summary>
    public const int Id = 731;

    public override int Identifier => Id;

    public override string Manifest(object o) => RegistryCodec.ManifestOf((IRegistryProtocol)o);

    public override byte[] ToBinary(object obj) => RegistryCodec.Encode((IRegistryProtocol)obj);

    public override object FromBinary(byte[] bytes, string manifest) => RegistryCodec.Decode(manifest, bytes);
}

/// <summary>Lets an actor system send and receive the registry's protocol.</summary>
public static class RegistryProtocolSerialization
{
    private const string Name = "tube-registry";

    private static readonly Type[] BoundTypes = [typeof(IRegistryProtocol)];

    /// <summary>Binds every <see cref="IRegistryProtocol"/> message to its wire form. Each node that talks to a registry needs it.</summary>
    public static AkkaConfigurationBuilder WithRegistryProtocol(this AkkaConfigurationBuilder builder) =>
        builder.WithCustomSerializer(Name, BoundTypes, system => new RegistryProtocolSerializer(system));

    /// <summary>The same binding for an actor system made from an <c>ActorSystemSetup</c>.</summary>
    internal static SerializationSetup Setup { get; } = SerializationSetup.Create(system => [SerializerDetails.Create(Name, new RegistryProtocolSerializer(system), [.. BoundTypes])]);
}
