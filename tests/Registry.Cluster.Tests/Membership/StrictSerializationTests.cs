using System.Runtime.Serialization;
using Akka.Actor;
using Akka.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Registry.Actors.Cluster.Membership;
using Registry.Host.Serving;
using Registry.Messages;

namespace Registry.Cluster.Tests.Membership;

public sealed class StrictSerializationTests
{
    [Fact]
    public async Task A_node_neither_writes_nor_reads_messages_that_are_not_of_the_protocol()
    {
        using var host = await StartNodeAsync();
        var node = host.Services.GetRequiredService<ActorSystem>();
        // Another program that speaks Akka's remoting, with Akka's own ideas of what may be sent.
        var other = ActorSystem.Create("registry", ConfigurationFactory.ParseString(
            """
            akka {
              actor.provider = remote
              remote.dot-netty.tcp.hostname = "127.0.0.1"
              remote.dot-netty.tcp.port = 0
              loglevel = OFF
              stdout-loglevel = OFF
            }
            """));
        var received = System.Threading.Channels.Channel.CreateUnbounded<object>();
        node.ActorOf(Props.Create(() => new Recorder(received.Writer)), "recorder");
        var remote = other.ActorSelection($"akka.tcp://registry@{NodeName.Of(node)}/user/recorder");

        remote.Tell(new Stranger("as JSON"));
        remote.Tell("after it");

        (await received.Reader.ReadAsync().AsTask().WaitAsync(ClusterProcess.Patience)).ShouldBe("after it");
        Should.Throw<SerializationException>(() => node.Serialization.FindSerializerFor(new Stranger("")));
        node.Serialization.FindSerializerFor(new FindConversation(new("c"))).Identifier.ShouldBe(731);

        await other.Terminate();
        await host.StopAsync();
    }

    private static async Task<IHost> StartNodeAsync()
    {
        var builder = Microsoft.Extensions.Hosting.Host.CreateEmptyApplicationBuilder(null);
        new RegistrySetup { Configuration = ConfigurationFactory.ParseString("registry.cluster { enabled = on, port = 0 }") }.AddTo(builder.Services, new() { Level = LogLevel.Critical });
        var host = builder.Build();
        await host.StartAsync();
        return host;
    }

    private sealed record Stranger(string Text);

    private sealed class Recorder : ReceiveActor
    {
        public Recorder(System.Threading.Channels.ChannelWriter<object> writer) => ReceiveAny(message => writer.TryWrite(message));
    }
}
