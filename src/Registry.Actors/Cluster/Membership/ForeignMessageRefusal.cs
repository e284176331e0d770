using System.Runtime.Serialization;
using Akka.Actor;
using Akka.Configuration;
using Akka.Serialization;

namespace Registry.Actors.Cluster.Membership;

/// <summary>
/// Stands where Akka has its JSON serializer, which makes an object of any type that the sender names: strict serialization keeps a
/// node from writing such messages, this keeps it from reading them.
/// </summary>
public sealed class ForeignMessageRefusal : Serializer
{
    /// <summary>Made by Akka, which hands whatever stands there the settings of its own serializer.</summary>
    public ForeignMessageRefusal(ExtendedActorSystem system, Config config) : base(system) { }


    /// <summary>That of Akka's JSON serializer.</summary>
    public override int Identifier => 1;

    /// <inheritdoc/>
    public override bool IncludeManifest => false;

    /// <inheritdoc/>
    public override byte[] ToBinary(object obj) => throw new SerializationException($"{obj?.GetType()} is no message between nodes: no serializer is bound to it.");

    /// <inheritdoc/>
    public override object FromBinary(byte[] bytes, Type type) => throw new SerializationException("Another node sent a message as JSON, which no node reads.");
}
