using System.Runtime.Serialization;
using Akka.Actor;
using Akka.Actor.Setup;
using Akka.Hosting;
using Akka.Serialization;
using Microsoft.Extensions.DependencyInjection;
using Registry.Actors.Hosting;
using Registry.Messages;

namespace Registry.Actors.Tests;

public sealed class WireSpecs
{
    private static readonly IReadOnlyList<Type> Protocol =
        [.. typeof(IRegistryProtocol).Assembly.GetTypes().Where(t => t.IsAssignableTo(typeof(IRegistryProtocol)) && t is { IsAbstract: false, IsInterface: false })];

    [Fact]
    public async Task A_system_from_a_setup_carries_the_protocol()
    {
        var strict = BootstrapSetup.Create().WithConfig("akka.actor.serialization-settings.allow-unregistered-types = off");
        var system = ActorSystem.Create("setup", ActorSystemSetup.Create(strict, RegistryProtocolSerialization.Setup));

        ShouldCarryTheProtocolAndNothingElse(system);
        await system.Terminate();
    }

    [Fact]
    public async Task A_hosted_system_carries_the_protocol()
    {
        var services = new ServiceCollection();
        services.AddLogging();
        services.AddAkka("hosted", (akka, _) => akka.WithStrictSerialization().WithRegistryProtocol());
        await using var provider = services.BuildServiceProvider();
        var system = provider.GetRequiredService<ActorSystem>();

        ShouldCarryTheProtocolAndNothingElse(system);
        await system.Terminate();
    }

    private static void ShouldCarryTheProtocolAndNothingElse(ActorSystem system)
    {
        var serialization = system.Serialization;
        foreach (var type in Protocol)
            serialization.FindSerializerForType(type).ShouldBeOfType<RegistryProtocolSerializer>(type.Name).Identifier.ShouldBe(731);

        var message = new SubscribeSignals(new("tube-1"), 7) { Window = 64 };
        var serializer = (SerializerWithStringManifest)serialization.FindSerializerFor(message);
        serialization.Deserialize(serializer.ToBinary(message), 731, serializer.Manifest(message)).ShouldBe(message);

        Should.Throw<SerializationException>(() => serialization.Deserialize([], 731, "XX"));
        Should.Throw<SerializationException>(() => serialization.Deserialize([1], 731, "SUB"));
        Should.Throw<SerializationException>(() => serialization.FindSerializerFor(new Stranger()));
    }

    private sealed record Stranger;
}
