using System.CommandLine;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Registry.Actors.Channels;
using Registry.Host.Serving;
using Registry.Messages;

namespace Registry.Host.Cli;

/// <summary><c>forward -L [bind:]port:host:hostport</c> and <c>-R</c> (several), <c>forward --stdio host:port</c> and <c>socks -D [bind:]port</c>.</summary>
internal static class ForwardCommand
{
    private static readonly Option<string[]> Gateways = new("--gateway")
    {
        Description = "A gateway's HTTP address. May be repeated: they are asked in turn, and one that works is kept.",
        HelpName = "URL",
        DefaultValueFactory = _ => [GatewayOptions.DefaultHttp],
    };

    public static Command Create()
    {
        var specifications = new Option<string[]>("-L")
        {
            Description = "Listen on [bind:]port here (on loopback without bind; port 0 = any free one) and reach host:hostport from the gateway, whose rules must allow it. May be repeated.",
            HelpName = "[bind:]port:host:hostport",
        };
        var remote = new Option<string[]>("-R")
        {
            Description = "Listen on [bind:]port at the gateway (on its loopback without bind; port 0 = any free one) and reach host:hostport, and nothing else, from here. "
                + "The gateway must allow it: registry.channels.listen. May be repeated.",
            HelpName = "[bind:]port:host:hostport",
        };
        var stdio = new Option<string>("--stdio")
        {
            Description = "Connect standard input and output to host:port as the gateway reaches it, once; for ssh: -o ProxyCommand='registry forward --stdio %h:%p'.",
            HelpName = "host:port",
        };
        var command = new Command("forward", "Forward TCP ports through tubes, from here to targets the gateway can reach or from the gateway to targets here. Ctrl-C closes them.") { specifications, remote, stdio, Gateways, SharedOptions.KeyFile, SharedOptions.Json };
        command.Validators.Add(result =>
        {
            if ((result.GetResult(specifications) is null && result.GetResult(remote) is null) == (result.GetResult(stdio) is null))
                result.AddError("forward takes either -L and -R, each once or several times, or --stdio.");
        });
        command.SetAction((result, _) => result.GetValue(stdio) is { } target
            ? RunStdioAsync(result, target)
            : RunAsync(result, () => [
                .. (result.GetValue(specifications) ?? []).Select(ForwardSpecification.Parse),
                .. (result.GetValue(remote) ?? []).Select(RemoteForwardSpecification.Parse)]));
        return command;
    }

    public static Command CreateSocks()
    {
        var specification = new Option<string>("-D")
        {
            Description = "Serve SOCKS5 on [bind:]port here (on loopback without bind; port 0 = any free one) and reach what its clients ask for from the gateway, whose rules must allow it.",
            HelpName = "[bind:]port",
            Required = true,
        };
        var command = new Command("socks", "Serve a SOCKS5 proxy (CONNECT and UDP ASSOCIATE) whose connections begin at the gateway. Ctrl-C closes it.") { specification, Gateways, SharedOptions.KeyFile, SharedOptions.Json };
        command.SetAction((result, _) => RunAsync(result, () => [SocksSpecification.Parse(result.GetRequiredValue(specification))]));
        return command;
    }

    private static Task<int> RunAsync(ParseResult result, Func<IReadOnlyList<ForwardedPort>> parse) => CommandLine.RunAsync(result, async cancellationToken =>
    {
        var ports = parse();
        if (GivenTwice(ports) is { } twice)
            throw CommandException.Usage($"{twice.Option} gives port {twice.Listen.Port} twice: give each a port of its own, or 0 for any free one.");
        var gateways = ReadGateways(result);
        var console = result.InvocationConfiguration;
        var command = result.CommandResult.Command.Name;
        var report = new ForwardReport(command, console.Output, console.Error, result.GetValue(SharedOptions.Json));
        try
        {
            await RunAsync(ports, gateways, report, cancellationToken);
        }
        catch (ForwardEndedException e)
        {
            report.Warn(e.Message);
            return e.ExitCode;
        }
        catch (GatewayException e) when (e.IsSilence && e is not GatewayUnreachableException { IsAnswered: true })
        {
            throw new CommandException(e.ExitCode, $"{e.Line} {command} waits for a gateway only once it has had a tube: start it again when one answers.");
        }

        return ExitCode.Ok;
    });

    // Of those that are here; which addresses a gateway can give, it says itself.
    private static ForwardedPort? GivenTwice(IReadOnlyList<ForwardedPort> ports)
    {
        ForwardedPort[] here = [.. ports.Where(port => !port.IsAtGateway && port.Listen.Port != 0)];
        return here.Where((port, i) => here[..i].Any(earlier => IsSame(earlier.Listen, port.Listen))).FirstOrDefault();
    }

    private static bool IsSame(IPEndPoint a, IPEndPoint b) => a.Port == b.Port && a.AddressFamily == b.AddressFamily && (a.Address.Equals(b.Address) || IsAny(a.Address) || IsAny(b.Address));

    private static bool IsAny(IPAddress address) => address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any);

    private static GatewayAddress[] ReadGateways(ParseResult result)
    {
        Uri[] urls = [.. result.GetRequiredValue(Gateways).Select(GatewayClient.ParseGateway)];
        var key = GatewayKey.Read(result, urls);
        return [.. urls.Select(url => new GatewayAddress(url, key) { ReadKeyAgain = () => GatewayKey.ReadAgain(result) })];
    }

    private static Task<int> RunStdioAsync(ParseResult result, string target) => CommandLine.RunAsync(result, async cancellationToken =>
    {
        var specification = ForwardSpecification.ParseStdio(target);
        var gateways = ReadGateways(result);
        // Standard output is the connection's.
        var report = new ForwardReport(result.CommandResult.Command.Name, TextWriter.Null, result.InvocationConfiguration.Error, json: false);
        await using var input = Console.OpenStandardInput();
        await using var output = Console.OpenStandardOutput();
        // What ssh ends its ProxyCommand with; the tube should not have to be missed by the gateway.
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using var hangup = PosixSignalRegistration.Create(PosixSignal.SIGHUP, context =>
        {
            context.Cancel = true;
            stop.Cancel();
        });
        try
        {
            await RunStdioAsync(specification, gateways, input, output, report, stop.Token);
        }
        catch (ForwardEndedException e)
        {
            report.Warn(e.Message);
            return e.ExitCode;
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            return ExitCode.Ok;
        }

        return ExitCode.Ok;
    });

    /// <summary>Carries one connection to its target's end of file. The input's end is told to the target, which may still answer.</summary>
    /// <exception cref="CommandException">The tube could not be made, the target was not reached, or the connection broke.</exception>
    public static async Task RunStdioAsync(ForwardSpecification target, IReadOnlyList<GatewayAddress> gateways, Stream input, Stream output, IForwardReport report, CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using var listener = Listen(target, report);
        var refusal = new TaskCompletionSource<CommandException>();
        using var client = new Socket(listener.EndPoint.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await client.ConnectAsync(listener.EndPoint, cancellationToken); // It waits there until the tube is ready.
        var serving = ServeAsync([target], [listener], gateways, report, (reason, why) => refusal.TrySetResult(new(reason == CloseReason.ServerRefuse ? ExitCode.Refused : ExitCode.Failed, why)), stop.Token);
        var carrying = CarryAsync(client, target, input, output, stop.Token);
        var first = await Task.WhenAny(serving, carrying);
        await stop.CancelAsync();
        await serving.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        // The cut that came with it says less.
        if (refusal.Task.IsCompleted)
            throw await refusal.Task;
        await first;
    }

    private static async Task CarryAsync(Socket client, ForwardSpecification target, Stream input, Stream output, CancellationToken cancellationToken)
    {
        await using var stream = new NetworkStream(client);
        _ = SendAsync(client, stream, input, cancellationToken);
        try
        {
            await stream.CopyToAsync(output, cancellationToken);
            await output.FlushAsync(cancellationToken);
        }
        catch (IOException e)
        {
            throw new CommandException(ExitCode.Failed, $"the connection to {target.Target} broke: {e.Message}");
        }
    }

    // Not awaited: a read of standard input cannot be given up, and the process ends without it.
    private static async Task SendAsync(Socket client, NetworkStream stream, Stream input, CancellationToken cancellationToken)
    {
        try
        {
            await input.CopyToAsync(stream, cancellationToken);
            client.Shutdown(SocketShutdown.Send);
        }
        catch (Exception e) when (e is IOException or SocketException or ObjectDisposedException or OperationCanceledException)
        {
            // Whoever reads the connection says how it ended.
        }
    }

    /// <summary>Forwards until the token ends it.</summary>
    public static async Task RunAsync(IReadOnlyList<ForwardedPort> ports, IReadOnlyList<GatewayAddress> gateways, IForwardReport report, CancellationToken cancellationToken)
    {
        var listeners = new List<TunnelListener>();
        try
        {
            foreach (var port in ports.Where(port => !port.IsAtGateway))
                listeners.Add(Listen(port, report));
            await ServeAsync(ports, listeners, gateways, report, (_, why) => report.Warn(why), cancellationToken);
        }
        finally
        {
            foreach (var listener in listeners)
                listener.Dispose();
        }
    }

    private static async Task ServeAsync(IReadOnlyList<ForwardedPort> ports, IReadOnlyList<TunnelListener> listeners, IReadOnlyList<GatewayAddress> gateways, IForwardReport report, Action<CloseReason, string> refused, CancellationToken cancellationToken)
    {
        var cut = new GivenUpConnections(report.Warn, TimeProvider.System, "cut");
        var ended = new EndedConnections(report.Warn, TimeProvider.System);
        var denied = new DeniedTargets(report.Warn);
        var bound = new Queue<TunnelListener>(listeners); // of the ports that are here, in their order
        (ForwardedPort Port, string Name)[] named = [.. ports.Select(port => (port, port.IsAtGateway ? port.Target : port.NameOf(bound.Dequeue().EndPoint)))];
        await using var registry = await InProcessRegistry.StartAsync(new()
        {
            // Tubes of one process to one gateway cannot share a socket on both sides: DTLS names no connection. The gateway is the user's choice,
            // so it may name an address to connect to.
            PeerConnections = new() { SocketPerConnection = true, ConnectsOverTcp = true },
            Listeners = listeners,
            AllowTargets = [.. ports.Where(port => port.IsAtGateway).Select(port => port.Target)],
            ConnectionRefused = (reason, text) =>
            {
                if (!denied.IsSaid(text))
                    refused(reason, $"{PortsOf(named, text)}{text}");
            },
            ConnectionsCut = (listen, count, why) =>
            {
                var name = listen is null ? "" : ports.First(port => !port.IsAtGateway).NameOf(listen);
                if (why is not null)
                    cut.Add(name, why);
                else if (!cancellationToken.IsCancellationRequested)
                    ended.Add(name, count);
            },
        }, cancellationToken);
        await RunAsync(ports, listeners, registry, gateways, report, ended, denied, cancellationToken);
    }

    // What was refused is known by its text only. It names the target, unless that has a name and could not be reached at the name's addresses; then each port may be meant.
    private static string PortsOf((ForwardedPort Port, string Name)[] ports, string text)
    {
        var meant = ports.Where(each => each.Port is SocksSpecification || IsNamed(each.Port.Target, text)).ToArray();
        var names = meant is []
            ? ports.Select(each => each.Name == each.Port.Target ? each.Name : $"{each.Name} -> {each.Port.Target}")
            : meant.Any(each => each.Port.IsAtGateway) ? [] // which may be the one, and whose name is the target
            : meant.Select(each => each.Name).Where(name => !IsNamed(name, text));
        return string.Join(", ", names) is { Length: > 0 } said ? $"{said}: " : "";
    }

    /// <summary>Whether a text has a target in it, and not as a part of another one: 10.0.0.1:80 is not in 10.0.0.1:8080, nor db:80 in my-db:80.</summary>
    public static bool IsNamed(string target, string text)
    {
        for (var at = text.IndexOf(target, StringComparison.Ordinal); at >= 0; at = text.IndexOf(target, at + 1, StringComparison.Ordinal))
        {
            var end = at + target.Length;
            if ((at == 0 || !IsOfName(text[at - 1])) && (end == text.Length || !char.IsAsciiDigit(text[end])))
                return true;
        }

        return false;
    }

    private static bool IsOfName(char sign) => char.IsLetterOrDigit(sign) || sign is '.' or '-' or '_';

    // One port's failure for good ends all: a command that serves half of what it was asked for would go unnoticed.
    private static async Task RunAsync(IReadOnlyList<ForwardedPort> ports, IReadOnlyList<TunnelListener> listeners, InProcessRegistry registry, IReadOnlyList<GatewayAddress> gateways, IForwardReport report, EndedConnections ended, DeniedTargets denied, CancellationToken cancellationToken)
    {
        GatewayClient[] clients = [.. gateways.Select(gateway => new GatewayClient(gateway))];
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        try
        {
            var bound = new Queue<TunnelListener>(listeners); // of the ports that are here, in their order
            Task[] running = [.. ports.Select(port => new Forwarder(registry.Registry, clients, port, port.IsAtGateway ? null : bound.Dequeue(), report, ended, denied).RunAsync(stop.Token))];
            var first = await Task.WhenAny(running);
            await stop.CancelAsync();
            foreach (var task in running)
                await task.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await first;
        }
        finally
        {
            foreach (var client in clients)
                client.Dispose();
        }
    }

    private static TunnelListener Listen(ForwardedPort port, IForwardReport report)
    {
        var givenUp = new GivenUpConnections(report.Warn, TimeProvider.System);
        try
        {
            return new(port.Listen, givenUp: (listen, why) => givenUp.Add(port.NameOf(listen), why));
        }
        catch (SocketException e)
        {
            throw new CommandException(ExitCode.AddressUnavailable, $"{port.Option}: cannot listen on {port.Listen}: {e.Message}. {Cure(e.SocketErrorCode, port.Listen)}");
        }
    }

    private static string Cure(SocketError error, IPEndPoint listen) => error switch
    {
        SocketError.AddressNotAvailable => $"{listen.Address} is no address of this machine: leave it out for loopback, or name one that is.",
        SocketError.AddressAlreadyInUse => "Another program, or a forward that has not ended yet, listens there. Choose another port, or 0 for any free one.",
        _ => "Choose another port, or 0 for any free one.",
    };
}
