using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Registry.Host.Cli;
using Registry.Host.Tests.RealPrograms;

namespace Registry.Host.Tests.EndToEnd;

public sealed class StdioTests
{
    [Fact]
    public async Task The_input_s_end_is_the_target_s_and_the_whole_answer_comes_out()
    {
        var question = "what a program pipes in"u8.ToArray();
        var answer = RandomNumberGenerator.GetBytes(3_000_000);
        using var server = new TcpListener(IPAddress.Loopback, 0);
        server.Start();
        var serving = AnswerAsync(server, answer);
        var target = (IPEndPoint)server.LocalEndpoint;
        await using var gateway = await RealGateway.StartAsync(target.ToString());
        using var input = new MemoryStream(question);
        using var output = new MemoryStream();

        await ForwardCommand.RunStdioAsync(Specify(target), [new(gateway.Url)], input, output, new Silent(), CancellationToken.None).WaitAsync(Eventually.Patience);

        (await serving).ShouldBe(question);
        output.ToArray().AsSpan().SequenceEqual(answer).ShouldBeTrue();
        await Eventually.BecomesAsync(0, () => gateway.TubeActors, "tubes");
    }

    [Fact]
    public async Task A_target_that_no_rule_allows_is_told_and_fails_the_command()
    {
        await using var gateway = await RealGateway.StartAsync("10.0.0.0/8:22");
        var report = new Silent();

        var failure = await Should.ThrowAsync<CommandException>(() =>
            ForwardCommand.RunStdioAsync(Specify(new(IPAddress.Loopback, 9)), [new(gateway.Url)], Stream.Null, Stream.Null, report, CancellationToken.None).WaitAsync(Eventually.Patience));

        // The one line that there is.
        failure.Message.ShouldStartWith("No rule allows 127.0.0.1:9");
        failure.ExitCode.ShouldBe(ExitCode.Refused);
        report.Said.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_target_that_does_not_answer_is_no_refusal_of_the_gateway()
    {
        var nobody = Programs.FreeEndPoint();
        await using var gateway = await RealGateway.StartAsync(nobody.ToString());

        var failure = await Should.ThrowAsync<CommandException>(() =>
            ForwardCommand.RunStdioAsync(Specify(nobody), [new(gateway.Url)], Stream.Null, Stream.Null, new Silent(), CancellationToken.None).WaitAsync(Eventually.Patience));

        (failure.ExitCode, failure.Message).ShouldBe((ExitCode.Failed, $"{nobody} cannot be reached: Connection refused."));
    }

    // As an HTTP/1.0 server or a filter does: reads to the end of file, and answers then.
    private static async Task<byte[]> AnswerAsync(TcpListener server, byte[] answer)
    {
        using var client = await server.AcceptTcpClientAsync();
        using var asked = new MemoryStream();
        await client.GetStream().CopyToAsync(asked);
        await client.GetStream().WriteAsync(answer);
        return asked.ToArray();
    }

    private static ForwardSpecification Specify(IPEndPoint target) => ForwardSpecification.ParseStdio(target.ToString());

    private sealed class Silent : IForwardReport
    {
        public System.Collections.Concurrent.ConcurrentQueue<string> Said { get; } = new();

        public void Forwarding(ForwardReady ready) { }

        public void Warn(string what) => Said.Enqueue(what);
    }
}
